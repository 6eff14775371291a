"""What tshark finds of requests, hellos and DNS in captures, as (kind, fields)
of the same names as ours. Nothing here comes from our own parsers."""
import hashlib
import ipaddress
import json
import re
import subprocess

PROTOCOLS = "frame http http2 tls quic dns mdns llmnr"
FILTER = "http or http2 or tls or quic or dns or mdns or llmnr"
PREFERENCES = ["http.desegment_body:TRUE", "tcp.reassemble_out_of_order:TRUE",
               "tls.desegment_ssl_records:TRUE"]
REQUEST_HEADERS = ("host", "user-agent", "referer", "origin", "content-type", "content-length",
                   "x-requested-with", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest",
                   "sec-fetch-user")
RESPONSE_HEADERS = ("server", "location", "content-type", "content-length")
SERVER_NAME, SIGNATURES, ALPN, VERSIONS, ECH = 0, 13, 16, 43, 65037
TLS_VERSIONS = {0x0304: "1.3", 0x0303: "1.2", 0x0302: "1.1", 0x0301: "1.0", 0x0300: "3.0"}
JA4_VERSIONS = {"1.3": "13", "1.2": "12", "1.1": "11", "1.0": "10", "3.0": "s3"}
DNS_TYPES = {1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA",
             33: "SRV", 41: "OPT", 43: "DS", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 64: "SVCB",
             65: "HTTPS", 255: "ANY", 257: "CAA", 13: "HINFO", 35: "NAPTR", 52: "TLSA"}
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


def read(capture, decode_as):
    """Yields (frame number, protocols of the frame, kind, fields)."""
    command = ["tshark", "-n", "-r", str(capture), "-T", "json", "-J", PROTOCOLS, "-Y", FILTER]
    for preference in PREFERENCES:
        command += ["-o", preference]
    for rule in decode_as:
        command += ["-d", rule]
    # Not checked: it also complains of a file that ends within a packet.
    output = subprocess.run(command, capture_output=True, timeout=300).stdout
    for packet in json.loads(output, object_pairs_hook=Tree):
        layers = packet.first("_source").first("layers")
        frame = layers.first("frame")
        for kind, fields in findings(layers):
            yield int(frame.first("frame.number")), frame.first("frame.protocols"), kind, fields


class Tree(list):
    """An object of JSON as pairs, because tshark repeats keys."""

    def all(self, name):
        return [value for key, value in self if key == name]

    def first(self, name, otherwise=None):
        return next((value for key, value in self if key == name), otherwise)

    def deep(self, name):
        for key, value in self:
            if key == name:
                yield value
            elif isinstance(value, Tree):
                yield from value.deep(name)

    def deep_first(self, name, otherwise=""):
        return next(self.deep(name), otherwise)


def findings(layers):
    for name, layer in layers:
        if not isinstance(layer, Tree):
            continue
        if name == "http":
            yield from http(layer)
        elif name == "http2":
            yield from http2(layer)
        elif name == "tls":
            yield from tls(layer, "t", "tls")
        elif name == "quic":
            version = {"0x00000001": "1", "0x6b3343cf": "2"}.get(layer.deep_first("quic.version"))
            for kind, fields in tls(layer, "q", "quic"):
                yield kind, {**fields, "version": version or layer.deep_first("quic.version")}
        elif name in ("dns", "mdns", "llmnr"):
            yield from dns(layer)


def header_fields(headers, names):
    fields = {}
    for name, value in headers:
        if name in names and value:
            field = name.replace("-", "_")
            fields[field] = fields[field] + ", " + value if field in fields else value
    return fields


def http_lines(layer, name):
    for line in layer.all(name):
        key, _, value = line.partition(":")
        yield key.strip().lower(), value.strip()


def http(layer):
    if layer.first("http.request"):
        fields = header_fields(http_lines(layer, "http.request.line"), REQUEST_HEADERS)
        uri = layer.deep_first("http.request.uri")
        fields["method"] = layer.deep_first("http.request.method")
        fields["version"] = layer.deep_first("http.request.version").removeprefix("HTTP/")
        # tshark puts the host before everything; ours keeps what is no path.
        is_path = uri.startswith("/") and fields.get("host")
        fields["url"] = f"http://{fields['host'].split(', ')[0]}{uri}" if is_path else uri
        yield "http", fields
    elif layer.first("http.response"):
        fields = header_fields(http_lines(layer, "http.response.line"), RESPONSE_HEADERS)
        fields["status"] = layer.deep_first("http.response.code")
        fields["version"] = layer.deep_first("http.response.version").removeprefix("HTTP/")
        yield "http_response", fields


def http2(layer):
    for stream in layer.deep("http2.stream"):
        headers = [(header.first("http2.header.name", ""), header.first("http2.header.value", ""))
                   for header in stream.deep("http2.header")]
        pseudo = dict(headers)
        if ":method" in pseudo:
            fields = header_fields(headers, REQUEST_HEADERS)
            host = pseudo.get(":authority") or fields.get("host", "")
            fields.setdefault("host", host)
            yield "http", {**fields, "method": pseudo[":method"], "version": "2",
                           "url": f"{pseudo[':scheme']}://{host}{pseudo[':path']}"}
        elif ":status" in pseudo:
            fields = header_fields(headers, RESPONSE_HEADERS)
            yield "http_response", {**fields, "status": pseudo[":status"], "version": "2"}


def tls(layer, transport, kind):
    for handshake in layer.deep("tls.handshake"):
        if not isinstance(handshake, Tree):
            continue
        message = handshake.first("tls.handshake.type")
        if message == "1":
            yield kind, client_hello(handshake, transport)
        elif message == "11":
            yield from certificate(handshake)


def is_grease(value):
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


def numbers(tree, name):
    found = [int(text, 0) for text in tree.deep(name)]
    return [value for value in found if not is_grease(value)]


def client_hello(hello, transport):
    types = numbers(hello, "tls.handshake.extension.type")
    versions = numbers(hello, "tls.handshake.extensions.supported_version")
    version = max(versions) if versions else int(hello.deep_first("tls.handshake.version"), 0)
    fields = {"version": TLS_VERSIONS.get(version, f"{version:#06x}"),
              "sni": hello.deep_first("tls.handshake.extensions_server_name"),
              "alpn": ",".join(hello.deep("tls.handshake.extensions_alpn_str"))}
    if ECH in types or 0xFFCE in types:
        fields["ech"] = "true"
    # Other extensions list signature algorithms too.
    signatures = [extension for _, extension in hello if isinstance(extension, Tree)
                  and extension.first("tls.handshake.extension.type") == str(SIGNATURES)]
    fields["ja4"] = ja4(transport, fields, types, numbers(hello, "tls.handshake.ciphersuite"),
                        numbers(signatures[0], "tls.handshake.sig_hash_alg") if signatures else [])
    return {name: value for name, value in fields.items() if value}


def ja4(transport, fields, types, ciphers, signatures):
    """FoxIO's JA4, from the numbers that tshark read."""
    def digest(text):
        return hashlib.sha256(text.encode()).hexdigest()[:12] if text else "0" * 12
    protocol = fields["alpn"].split(",")[0]
    ends = protocol[0] + protocol[-1] if protocol else "00"
    kept = sorted(set(types) - {SERVER_NAME, ALPN})
    listed = ",".join(f"{value:04x}" for value in kept)
    if signatures:
        listed += "_" + ",".join(f"{value:04x}" for value in signatures)
    return (f"{transport}{JA4_VERSIONS.get(fields['version'], '00')}"
            f"{'d' if SERVER_NAME in types else 'i'}{min(99, len(ciphers)):02}"
            f"{min(99, len(types)):02}{ends}_"
            f"{digest(','.join(f'{value:04x}' for value in sorted(ciphers)))}_"
            f"{digest(listed if kept else '')}")


def certificate(handshake):
    for chain in handshake.deep("tls.handshake.certificates"):
        first = next(chain.deep("tls.handshake.certificate"), "") if isinstance(chain, Tree) else ""
        if first:
            der = bytes.fromhex(first.replace(":", ""))
            yield "tls_certificate", {"sha256": hashlib.sha256(der).hexdigest(), **openssl(der)}


def openssl(der):
    """Subject, issuer, validity and names as the openssl command prints them."""
    command = ["openssl", "x509", "-inform", "DER", "-noout", "-subject", "-issuer", "-dates",
               "-dateopt", "iso_8601", "-nameopt", "RFC2253", "-ext", "subjectAltName"]
    run = subprocess.run(command, input=der, capture_output=True, timeout=20)
    lines = run.stdout.decode(errors="replace").splitlines()
    told = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith(" "))
    fields = {"subject": told.get("subject", ""), "issuer": told.get("issuer", ""),
              "not_before": told.get("notBefore", "").replace(" ", "T"),
              "not_after": told.get("notAfter", "").replace(" ", "T")}
    names = set(re.findall(r"(?:^|[,+])CN=((?:[^,+\\]|\\.)*)", fields["subject"]))
    names |= set(re.findall(r"(?:DNS|URI|email):([^,\s]+)", lines[-1]))
    names |= {str(ipaddress.ip_address(text))
              for text in re.findall(r"IP Address:([^,\s]+)", lines[-1])}
    fields["names"] = ",".join(sorted(names))
    return {name: value for name, value in fields.items() if value}


def dns(layer):
    flags = layer.first("dns.flags")
    if flags is None:
        return
    word = int(flags, 0)
    fields = {"id": str(int(layer.first("dns.id"), 0)),
              "message": "answer" if word & 0x8000 else "query"}
    if word & 0x8000:
        fields["rcode"] = RCODES.get(word & 15, f"RCODE{word & 15}")
    questions = [query for queries in layer.all("Queries") for _, query in queries]
    names = [query.deep_first("dns.qry.name") for query in questions]
    types = [int(query.deep_first("dns.qry.type"), 0) for query in questions]
    fields["name"] = ",".join("." if name == "<Root>" else name for name in names)
    fields["type"] = ",".join(DNS_TYPES.get(number, f"TYPE{number}") for number in types)
    answers = [answer for part in layer.all("Answers") for _, answer in part]
    fields["answers"] = ",".join(filter(None, (answer_text(answer) for answer in answers)))
    yield "dns", {name: value for name, value in fields.items() if value}


def answer_text(answer):
    number = int(answer.deep_first("dns.resp.type", "0"), 0)
    value = ""
    for name in ("dns.a", "dns.aaaa", "dns.cname", "dns.ptr.domain_name", "dns.ns", "dns.dname"):
        value = value or answer.deep_first(name)
    text = DNS_TYPES.get(number, f"TYPE{number}")
    return f"{text} {'.' if value == '<Root>' else value}" if value else text
