"""Files that messages bring: kept by their content, told apart by their content."""
