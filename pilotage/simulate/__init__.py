"""The demo world: a fictional retailer's customers and systems on a virtual clock, with the true effect of every journey."""
