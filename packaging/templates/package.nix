# Nix: `nix-build package.nix`. Not run where this project is tested: there is no nix there.
{ pkgs ? import <nixpkgs> { } }:

pkgs.stdenvNoCC.mkDerivation {
  pname = "togetherctl";
  version = "@version@";

  src = pkgs.fetchurl {
    url = "@base@/togetherctl-@version@-py311-py314-linux_x86_64.pyz";
    hash = "@sri:single@";
  };
  share = pkgs.fetchzip {
    url = "@base@/togetherctl-@version@-completions-and-man-pages.tar.gz";
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
    description = "@summary@";
    homepage = "@base@";
    license = pkgs.lib.licenses.asl20;
    mainProgram = "togetherctl";
    platforms = [ "x86_64-linux" ];
  };
}
