"""What the client tests stand on: a real server, stock clients, and strict judgement of every answer."""
