"""Pictures: figures of matplotlib, previews of images."""
