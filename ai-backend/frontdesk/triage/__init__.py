"""Message and history in, analysis out."""
