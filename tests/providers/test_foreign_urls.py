"""What no stranger may point to, and what is an ordinary picture's address."""

import ipaddress

import pytest

from providers.addresses import is_public
from providers.foreign_urls import RefusedURL, check_foreign, read_url

PRIVATE = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 127.255.255.254
168.63.129.16 169.254.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1
192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.7 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1
100::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1::1
2002:808:808::1 2620:4f:8000::1 3fff::1 3fff:fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fd20:ce::254 fdff::1 fe80::1
fe80::1%eth0 febf::1 fec0::1 feff::1 ff02::1 ff0e::1 2606:4700::5efe:7f00:1 2606:4700::200:5efe:a00:1
"""
PUBLIC = """
1.1.1.1 8.8.8.8 9.9.9.9 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1 169.253.255.255 172.15.255.255
172.32.0.1 192.0.1.1 192.167.255.255 192.169.0.1 198.17.255.255 198.20.0.1 223.255.255.255 2606:4700::1111
2a00:1450:4001:80b::200e 2001:4860:4860::8888 2003::1
"""

REFUSED_URLS = [
    "http://cdn.example/a.png",  # not https
    "ftp://cdn.example/a.png",
    "file:///etc/passwd",
    "gopher://cdn.example/",
    "//cdn.example/a.png",
    "cdn.example/a.png",
    "https:cdn.example",
    "https:///a.png",
    "https://",
    "https://cdn.example:80/",
    "https://cdn.example:22/",
    "https://cdn.example:0/",
    "https://cdn.example:99999/",
    "https://cdn.example:443:80/",
    "https://user@cdn.example/",
    "https://user:pass@cdn.example/",
    "https://@cdn.example/",
    "https://cdn.example@127.0.0.1/",
    "https://127.0.0.1#@cdn.example",
    "https://127.0.0.1?@cdn.example",
    "https://cdn.example\\@127.0.0.1/",
    "https://127.0.0.1\\.cdn.example/",
    "https:\\\\127.0.0.1/",
    "https://cdn.example /",
    "https://cdn.example\t/",
    "https://cdn.example\r\nhost: x/",
    "https://cdn.example\0/",
    "https://127.0.0.1/",
    "https://127.0.0.1./",
    "https://localhost/",
    "https://localhost./",
    "https://hooks.LOCALHOST/",
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://0/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://0x7f000001/",
    "https://0x7F.0.0.1/",
    "https://0x7f.1/",
    "https://127.0.0.0x1/",
    "https://1.2.3.4.5/",
    "https://256.1.1.1/",
    "https://%31%32%37.0.0.1/",
    "https://127%2e0%2e0%2e1/",
    "https://１２７.０.０.１/",
    "https://①②⑦.0.0.1/",
    "https://127。0。0。1/",
    "https://exa\u200bmple.com/",
    "https://cdn.example\u2028/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::127.0.0.1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fd00:ec2::254]/",
    "https://[2002:7f00:1::]/",
    "https://[::1",
    "https://::1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://metadata..google.internal/",
    "https://-cdn.example/",
    "https://cdn_.example_/",
    "https://cdn,example/",
    "https://cdn.example;a/",
    "https://" + "a" * 300 + ".example/",
    "https://cdn.example/" + "a" * 20_000,
    "javascript:alert(1)",
    "",
]


@pytest.mark.parametrize("address", PRIVATE.split())
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC.split())
def test_addresses_that_are(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("https://v3.fal.media/files/a/b.png", None),
        ("https://cdn.example:8443/a.png?X-Amz-Signature=ab%2Fc%7E&x='(1)'", None),
        ("https://8.8.8.8/a.png", None),
        ("https://[2606:4700::1111]/a.png", None),
        ("https://cdn.example./a.png", None),
        ("https://a-b.c1.example/a.png#fragment", None),
        ("https://b\u00fccher.example/a.png", "https://xn--bcher-kva.example/a.png"),
    ],
)
def test_ordinary_urls_pass_unchanged(text: str, sent: str | None) -> None:
    url = read_url(text)
    check_foreign(url, ports={443, 8443}, permits=is_public)
    assert str(url) == (sent or text)


@pytest.mark.parametrize("text", [text for text in REFUSED_URLS if not text.startswith("https://metadata")])
def test_a_reason_repeats_nothing_of_the_url(text: str) -> None:
    with pytest.raises(RefusedURL) as caught:
        check_foreign(read_url(text), ports={443, 8443}, permits=is_public)
    assert "example" not in str(caught.value)
    assert "127" not in str(caught.value)
