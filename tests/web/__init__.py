"""What is served over HTTP, asked over HTTP."""
