"""The application's routes, a file for each room; made over `Services`."""
