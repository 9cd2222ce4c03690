"""Prints an SPDX 2.3 document for a built package: what it is made of and what it loads.

    sbom.py PACKAGE.deb

What is loaded at run time comes from the package's own Depends, header-only libraries from the list below; their
versions from dpkg's data about the machine that built it. What building needs not, as the broker, may be missing
there: then its version is the archive's. What the page is made of comes from its lock file, versions included.
packaging/debian/copyright has the notices of what is compiled in; sbom_test holds it to this.
"""

import base64
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import urllib.parse

# Compiled into our files, so that nothing in Depends tells of them.
HEADER_ONLY = ["libboost-dev", "rapidjson-dev", "libxxhash-dev", "libcli11-dev", "libmosquitto-dev"]
PAGE_LOCK = pathlib.Path(__file__).resolve().parents[1] / "web/package-lock.json"


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def installed(package):
    """Version, source package and architecture of an installed package, or None."""
    found = subprocess.run(["dpkg-query", "-W", "-f", "${Version}\t${source:Package}\t${Architecture}\t${Homepage}\n",
                            package], capture_output=True, text=True)
    return found.stdout.split("\n")[0].split("\t") if found.returncode == 0 and found.stdout else None


def in_archive(package):
    """The same of a package that apt would install, or None."""
    found = subprocess.run(["apt-cache", "show", "--no-all-versions", package], capture_output=True, text=True)
    fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", found.stdout, re.MULTILINE))
    if found.returncode != 0 or "Version" not in fields:
        return None
    return [fields["Version"], fields.get("Source", package).split(" ")[0], fields.get("Architecture", "all"),
            fields.get("Homepage", "")]


def in_the_page():
    """Name → the lock file's entry of each npm package that is part of the page, as its bundle holds it."""
    # Paths end in node_modules/NAME, where NAME may be @scope/name; the page itself has the empty path.
    return {path.split("node_modules/")[-1]: entry
            for path, entry in json.loads(PAGE_LOCK.read_text())["packages"].items()
            if path and not entry.get("dev")}


def npm_package(name, entry):
    version = entry["version"]
    algorithm, digest = entry["integrity"].split("-", 1)
    return {"SPDXID": "SPDXRef-npm-" + re.sub(r"[^A-Za-z0-9.-]", "-", name), "name": name, "versionInfo": version,
            "downloadLocation": entry.get("resolved", "NOASSERTION"), "filesAnalyzed": False,
            "licenseConcluded": "NOASSERTION", "licenseDeclared": entry.get("license", "NOASSERTION"),
            "copyrightText": "NOASSERTION", "sourceInfo": "npm package, bundled into the page",
            "checksums": [{"algorithm": algorithm.upper(), "checksumValue": base64.b64decode(digest).hex()}],
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                              "referenceLocator": f"pkg:npm/{urllib.parse.quote(name)}@{version}"}]}


def spdx_package(name, data):
    version, source, architecture, homepage = data
    # RapidJSON's and other all-architecture packages' versions may hold characters SPDX ids may not.
    return {"SPDXID": "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name), "name": name, "versionInfo": version,
            "downloadLocation": homepage or "NOASSERTION", "filesAnalyzed": False,
            "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
            "sourceInfo": f"Debian source package {source}",
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                              "referenceLocator": f"pkg:deb/debian/{name}@{version}?arch={architecture}"}]}


def main():
    deb = pathlib.Path(sys.argv[1])
    name, version = run("dpkg-deb", "-W", "--showformat=${Package}\t${Version}", str(deb)).split("\t")
    depends = [re.split(r"[ (|]", d.strip())[0] for d in run("dpkg-deb", "-f", str(deb), "Depends").split(",")]
    packages = [{"SPDXID": "SPDXRef-this", "name": name, "versionInfo": version.strip(),
                 "downloadLocation": "NOASSERTION", "filesAnalyzed": False, "licenseConcluded": "Apache-2.0",
                 "licenseDeclared": "Apache-2.0", "copyrightText": "NOASSERTION", "packageFileName": deb.name,
                 "checksums": [{"algorithm": "SHA256",
                                "checksumValue": hashlib.sha256(deb.read_bytes()).hexdigest()}]}]
    relations = [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
                  "relatedSpdxElement": "SPDXRef-this"}]
    for kind, names in (("DEPENDS_ON", depends), ("STATIC_LINK", HEADER_ONLY)):
        for other in names:
            data = installed(other) or (in_archive(other) if kind == "DEPENDS_ON" else None)
            if data is None:
                sys.exit(f"sbom: {other} is not installed here, so it cannot have been built with it")
            packages.append(spdx_package(other, data))
            relations.append({"spdxElementId": "SPDXRef-this", "relationshipType": kind,
                              "relatedSpdxElement": packages[-1]["SPDXID"]})
    for other, entry in in_the_page().items():
        packages.append(npm_package(other, entry))
        relations.append({"spdxElementId": "SPDXRef-this", "relationshipType": "STATIC_LINK",
                          "relatedSpdxElement": packages[-1]["SPDXID"]})
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))
    json.dump({"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": deb.stem,
               "documentNamespace": f"urn:spdx:{deb.stem}:{packages[0]['checksums'][0]['checksumValue']}",
               "creationInfo": {"created": made, "creators": ["Tool: packaging/sbom.py"]},
               "packages": packages, "relationships": relations}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
