"""What the tests of the command line stand on; README.md beside this folder tells how to use it."""
