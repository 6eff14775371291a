"""Events of another system, to import."""

import json


def events(host, count, minute):
    """Sysmon's network connections, as NXLog writes them."""
    return "".join(json.dumps({
        "SourceName": "Microsoft-Windows-Sysmon", "EventID": 3, "Hostname": host,
        "EventTime": "2026-01-02 03:%02d:05" % minute, "UtcTime": "2026-01-02 03:%02d:%02d.678" % (minute, second),
        "ProcessGuid": "{00000001-281e-5f2c-4205-000000000400}", "ProcessId": "42", "Image": "C:\\a.exe",
        "Protocol": "tcp", "Initiated": "true", "SourceIp": "10.0.0.1", "SourcePort": str(50000 + second),
        "DestinationIp": "10.0.0.2", "DestinationPort": "80"}) + "\n" for second in range(count))
