"""Commands as they are typed: a verb's input from words and back, for shells and for the app's command line."""
