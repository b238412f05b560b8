"""What the tests are made of: private servers, a phone, a fake provider."""
