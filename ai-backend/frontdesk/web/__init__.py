"""HTTP: the API, the status page, and who may use them."""
