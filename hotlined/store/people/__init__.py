"""What is kept of persons: what is stored of one, what is erased and when, what goes into evidence and a backup."""
