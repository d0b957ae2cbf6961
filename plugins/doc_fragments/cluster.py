# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connection options: how each module of the collection reaches a cluster."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation that modules share."""

    DOCUMENTATION = r"""
options:
  transport:
    description:
      - How to reach the cluster. V(rapi) is Ganeti's remote API, which works from anywhere. V(luxi) is Ganeti's own
        socket on the master node. It needs no password, but the module must run on the master, as C(root) or as a user
        who may use the socket.
      - If not set, the value of the environment variable E(GANETI_TRANSPORT) is used.
    type: str
    choices: [rapi, luxi]
    default: rapi
  luxi_socket:
    description:
      - Path of the socket for O(transport=luxi). The module waits a minute for each answer; O(rapi_timeout) does not
        apply.
      - If not set, the value of the environment variable E(GANETI_LUXI_SOCKET) is used. All of these variables are read
        on the host on which the module runs.
    type: path
    default: /var/run/ganeti/socket/ganeti-query
  rapi_host:
    description:
      - Host name or address on which the cluster's RAPI listens, usually the cluster's own name. Required with
        O(transport=rapi). An IPv6 address may be in brackets.
      - If not set, the value of the environment variable E(GANETI_RAPI_HOST) is used.
    type: str
  rapi_port:
    description:
      - Port of the RAPI.
      - If not set, the value of the environment variable E(GANETI_RAPI_PORT) is used.
    type: int
    default: 5080
  rapi_user:
    description:
      - User of the RAPI. Check mode and facts need a user with C(read) in Ganeti's file of RAPI users, rounds need one
        with C(write).
      - If not set, the value of the environment variable E(GANETI_RAPI_USER) is used.
    type: str
  rapi_password:
    description:
      - Password of O(rapi_user).
      - If not set, the value of the environment variable E(GANETI_RAPI_PASSWORD) is used.
    type: str
  rapi_ca_path:
    description:
      - File with the CA certificates to check the RAPI's certificate against. By default, those that the Python library
        C(requests) trusts. E(REQUESTS_CA_BUNDLE) is ignored.
      - If not set, the value of the environment variable E(GANETI_RAPI_CA_PATH) is used.
    type: path
  rapi_fingerprint:
    description:
      - SHA-256 fingerprint of the RAPI's certificate in hexadecimal digits, with or without colons. It replaces
        O(rapi_ca_path) and the check of the host name. Use it for the certificate that Ganeti creates by default, which
        contains no host name.
      - On the master, C(openssl x509 -noout -fingerprint -sha256 -in /var/lib/ganeti/rapi.pem) shows it.
      - If not set, the value of the environment variable E(GANETI_RAPI_FINGERPRINT) is used.
    type: str
  rapi_validate_certs:
    description:
      - Whether to check the RAPI's certificate. Without this check, any server that answers gets the password; use
        O(rapi_fingerprint) instead.
      - If not set, the value of the environment variable E(GANETI_RAPI_VALIDATE_CERTS) is used.
    type: bool
    default: true
  rapi_timeout:
    description:
      - Seconds to wait for each answer.
      - If not set, the value of the environment variable E(GANETI_RAPI_TIMEOUT) is used.
    type: int
    default: 30
requirements:
  - requests 2.25 or later, and urllib3 1.26 or later, with O(transport=rapi)
"""
