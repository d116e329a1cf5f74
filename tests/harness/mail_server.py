"""A mail server of the tests' own: it takes every e-mail, and keeps it."""

import email
import email.policy
import socketserver
import threading

from .server import free_port


class MailServer:
    """Serves until it is closed. `mails` has what came: `(recipients, message)`."""

    def __init__(self):
        self.mails, self.refusals = [], []
        keeper = self

        class Handler(socketserver.StreamRequestHandler):
            def say(self, line):
                self.wfile.write(f"{line}\r\n".encode())

            def handle(self):
                recipients = []
                self.say("220 tests")
                while line := self.rfile.readline():
                    word = line.split(b" ")[0].strip().upper().split(b":")[0]
                    if word == b"QUIT":
                        self.say("221 bye")
                        return
                    if word == b"RCPT":
                        recipients.append(line.split(b"<")[1].split(b">")[0].decode())
                    if word == b"DATA":
                        self.say("354 go on")
                        lines = iter(self.rfile.readline, b".\r\n")
                        text = b"".join(line[1:] if line.startswith(b"..") else line for line in lines)
                        if keeper.refusals:
                            self.say(keeper.refusals.pop(0))
                            continue
                        keeper.mails.append((recipients, email.message_from_bytes(text, policy=email.policy.default)))
                    self.say("250 fine")

        self.port = free_port()
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
