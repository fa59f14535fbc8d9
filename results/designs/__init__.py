"""Microstructures on their way from one stage to the next; what is here is in the key of every stage that uses it."""
