"""The app in a browser: textual-serve on loopback, behind a token."""
