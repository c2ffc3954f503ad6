"""Answer an assistant's questions about the published file, over the Model Context Protocol."""
