"""NOUNS. Frozen values that every room speaks of; this room imports none of ours."""
