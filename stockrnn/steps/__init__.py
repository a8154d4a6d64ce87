"""One function a step of the night; each looks at what is stored and does only what is missing."""
