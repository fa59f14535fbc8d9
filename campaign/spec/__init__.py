"""What is asked: models with their rules, profiles, reading YAML with places."""
