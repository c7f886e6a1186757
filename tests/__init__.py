"""The tests of txresumable; `trial tests` runs them all."""
