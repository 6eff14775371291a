"""A time-stamp authority of its own: `openssl ts -reply` behind HTTP on loopback.
`spoil` may change the question before, or the reply after."""
import http.server
import os
import subprocess
import threading

CONFIG = """
[req]
distinguished_name = name
[name]
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
[tsa]
basicConstraints = CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[stamp]
serial = {at}/serial
signer_cert = {at}/tsa.pem
signer_key = {at}/tsa.key
certs = {at}/root.pem
default_policy = 1.3.6.1.4.1.57264.2.1
digests = sha256
signer_digest = sha256
ess_cert_id_alg = sha256
accuracy = secs:1
"""


def openssl(*words, **more):
    done = subprocess.run(["openssl", *words], capture_output=True, timeout=60, **more)
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def must(*words):
    code, _, said = openssl(*words)
    assert code == 0, said


class Authority:
    def __init__(self, directory):
        self.at = directory
        self.config = os.path.join(directory, "ts.cnf")
        self.roots = os.path.join(directory, "root.pem")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(at=directory))
        with open(os.path.join(directory, "serial"), "w", encoding="utf-8") as file:
            file.write("01\n")
        path = lambda name: os.path.join(directory, name)
        must("req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", path("root.key"), "-out", self.roots,
             "-subj", "/CN=root of a test", "-days", "2", "-config", self.config, "-extensions", "root")
        must("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", path("tsa.key"), "-out", path("tsa.csr"),
             "-subj", "/CN=authority of a test", "-config", self.config)
        must("x509", "-req", "-in", path("tsa.csr"), "-CA", self.roots, "-CAkey", path("root.key"),
             "-set_serial", "2", "-days", "2", "-extfile", self.config, "-extensions", "tsa", "-out", path("tsa.pem"))
        self.asked = 0

    def reply(self, question):
        self.asked += 1
        name = os.path.join(self.at, f"question{self.asked}")
        with open(name, "wb") as file:
            file.write(question)
        must("ts", "-reply", "-config", self.config, "-section", "stamp", "-queryfile", name, "-out", name + ".tsr")
        with open(name + ".tsr", "rb") as file:
            return file.read()

    def serve(self, answer=None):
        """As a context: the address. `answer` takes the question's bytes."""
        return _Served(answer or self.reply)


class _Served:
    def __init__(self, answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                question = self.rfile.read(int(self.headers["Content-Length"]))
                is_query = self.headers["Content-Type"] == "application/timestamp-query"
                reply = answer(question) if is_query else b""
                self.send_response(200 if is_query else 415)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))

    def __enter__(self):
        self.thread.start()
        return f"http://127.0.0.1:{self.server.server_address[1]}/tsr"

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
