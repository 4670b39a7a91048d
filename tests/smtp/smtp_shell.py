"""A server's session with a shell around it that says yes, for scripted clients."""

import base64

from gatepost.smtp import events, server, states

ENVELOPE = b"MAIL FROM:<a@b.test>\r\nRCPT TO:<x@mx.test>\r\n"

ANN = base64.b64encode(b"\0ann\0secret")


class Shell:
    """Answers everything with yes, but refuses ``no@`` and the password ``wrong``; notes what it was told."""

    def __init__(self, *, greet: bool = True, **terms: object) -> None:
        values: dict[str, object] = {"auth_required": False, "max_size": 1000} | terms
        self.session = server.ServerSession(server.ServerSettings("mx.test", **values))  # type: ignore[arg-type]
        self.events: list[events.ServerEvent] = []
        self.messages: list[bytes] = []
        self.body = b""
        self.wire = b""
        if greet:
            self.session.greeting()

    def say(self, *data: bytes) -> bytes:
        """Feed, answer, and give what the server says."""
        said = b""
        for piece in data:
            if self.closed:
                break
            self.session.receive(piece)
            while not isinstance(event := self.session.next_event(), states.Signal):
                if isinstance(event, events.BodyChunk):
                    self.body += event.data
                    continue
                self.events.append(event)
                if isinstance(event, events.Closing):
                    break
                self.answer(event)
            said += self.session.data_to_send()
        self.wire += said
        return said

    @property
    def closed(self) -> bool:
        return bool(self.events) and isinstance(self.events[-1], events.Closing)

    def answer(self, event: events.ServerEvent) -> None:
        match event:
            case events.AuthGiven():
                right = event.password == b"secret"
                self.session.auth_accepted() if right else self.session.auth_refused()
            case events.MailGiven():
                no = event.sender is not None and event.sender.local == "no"
                self.session.refuse(b"550 5.7.1 No\r\n") if no else self.session.mail_accepted()
            case events.RcptGiven(address):
                no = address.local == "no"
                self.session.refuse(b"550 5.1.1 No\r\n") if no else self.session.rcpt_accepted()
            case events.DataBegun():
                self.body = b""
            case events.BodyEnd():
                self.messages.append(self.body)
                self.session.message_accepted("Queued")
            case _:
                assert isinstance(event, events.Reset | events.StartTlsWanted)

    def reason(self) -> events.Reason:
        last = self.events[-1]
        assert isinstance(last, events.Closing)
        assert self.session.next_event() is self.session.next_event()
        return last.reason


def greeted(**terms: object) -> Shell:
    shell = Shell(**terms)  # type: ignore[arg-type]
    shell.say(b"EHLO app.test\r\n")
    return shell
