"""What files say: voice notes are transcribed, pictures described, documents read."""
