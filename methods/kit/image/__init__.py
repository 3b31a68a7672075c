"""Networks and training that several methods of images share."""
