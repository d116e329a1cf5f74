WORD = "installed"
