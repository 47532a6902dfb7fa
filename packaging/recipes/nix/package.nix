# Nix: `nix-build package.nix`. Not run where this project is tested: there is no nix there.
{ pkgs ? import <nixpkgs> { } }:

pkgs.stdenvNoCC.mkDerivation {
  pname = "togetherctl";
  version = "0.1.0";

  src = pkgs.fetchurl {
    url = "https://releases.invalid/togetherctl-0.1.0-py311-py314-linux_x86_64.pyz";
    hash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  };
  share = pkgs.fetchzip {
    url = "https://releases.invalid/togetherctl-0.1.0-completions-and-man-pages.tar.gz";
    hash = pkgs.lib.fakeHash; # of what is unpacked: nix says it at the first build
  };

  dontUnpack = true;
  nativeBuildInputs = [ pkgs.makeWrapper ];

  installPhase = ''
    install -D -m 755 $src $out/libexec/togetherctl.pyz
    makeWrapper $out/libexec/togetherctl.pyz $out/bin/togetherctl --prefix PATH : ${pkgs.python313}/bin
    mkdir -p $out/share
    cp -r $share/* $out/share/
  '';

  meta = {
    description = "Log in to Kubernetes clusters through OpenID Connect";
    homepage = "https://releases.invalid";
    license = pkgs.lib.licenses.asl20;
    mainProgram = "togetherctl";
    platforms = [ "x86_64-linux" ];
  };
}
