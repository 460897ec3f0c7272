"""Certificates for tests, made by openssl(1): an authority, and what it vouches for."""

import datetime
import subprocess


def openssl(*args, **how):
    return subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, **how).stdout


class Authority:
    """ca.pem in FOLDER, and leaf certificates by it: each is a file with its key behind it."""

    def __init__(self, folder, name="Test Authority"):
        self.folder = folder
        self.path = folder / "ca.pem"
        self.key = folder / "ca.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self.key, "-out", self.path, "-days", "30", "-subj", f"/CN={name}",
                "-addext", "basicConstraints=critical,CA:TRUE")

    def issue(self, name, *alternatives, begins=-1, days=30):
        """A certificate for NAME and ALTERNATIVES ("DNS:x", "IP:y"), valid from BEGINS days on."""
        pem = self.folder / f"{name.replace(' ', '-')}.pem"
        key, request = pem.with_suffix(".key"), pem.with_suffix(".csr")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        extensions = pem.with_suffix(".ext")
        extensions.write_text("basicConstraints=CA:FALSE\n" + (
            f"subjectAltName={','.join(alternatives)}\n" if alternatives else ""))
        now = datetime.datetime.now(datetime.timezone.utc)
        start, end = (now + datetime.timedelta(days=d) for d in (begins, begins + days))
        index = self.folder / "index.txt"
        index.write_text("")
        config = self.folder / "ca.cnf"
        config.write_text(
            f"[ca]\ndefault_ca=c\n[c]\ndatabase={index}\nnew_certs_dir={self.folder}\nserial="
            f"{self.folder}/serial\npolicy=p\ndefault_md=sha256\nunique_subject=no\n"
            "[p]\ncommonName=supplied\n")
        openssl("ca", "-batch", "-config", config, "-rand_serial", "-cert", self.path, "-keyfile",
                self.key, "-in", request, "-out", pem, "-notext", "-extfile", extensions,
                "-startdate", start.strftime("%Y%m%d%H%M%SZ"), "-enddate", end.strftime("%Y%m%d%H%M%SZ"))
        pem.write_text(pem.read_text() + key.read_text())
        return pem

    def answer(self, pem, revoked=False, days=None):
        """OCSP's answer about a certificate, as a file in DER that says for how many DAYS it holds."""
        serial = openssl("x509", "-in", pem, "-noout", "-serial").decode().strip().split("=")[1]
        state = "R\t991231235959Z\t260101000000Z" if revoked else "V\t991231235959Z\t"
        index, out = self.folder / "answered.txt", pem.with_suffix(".ocsp")
        index.write_text(f"{state}\t{serial}\tunknown\t/CN=answered\n")
        openssl("ocsp", "-index", index, "-rsigner", self.path, "-rkey", self.key, "-CA", self.path,
                "-issuer", self.path, "-cert", pem, "-respout", out, *(["-ndays", days] if days else []))
        return out


def fingerprint(pem):
    out = openssl("x509", "-in", pem, "-noout", "-fingerprint", "-sha256").decode()
    return out.strip().split("=")[1]
