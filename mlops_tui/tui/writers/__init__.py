"""What the detail screens show: from an answer of the daemon to text for a width. No widget, no question, no state."""
