"""What happens: lines, shots."""
