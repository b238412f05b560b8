"""What people look at: pages in HTML, rendered here and kept fresh by events. What they do goes through the API."""
