"""What the desk talks about: frozen values and their rules, pure, without input or output."""
