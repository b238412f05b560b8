"""What happens, told to others: signed, in order, for as long as it takes."""
