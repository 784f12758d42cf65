"""The one place that knows everything: builds adapters and rooms, and runs them."""
