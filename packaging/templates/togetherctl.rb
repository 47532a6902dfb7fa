# Homebrew, on Linux and x86_64. Not run where this project is tested: there is no brew there.
class Togetherctl < Formula
  desc "@summary@"
  homepage "@base@"
  url "@base@/togetherctl-@version@-py311-py314-linux_x86_64.pyz", using: :nounzip
  version "@version@"
  sha256 "@sha256:single@"
  license "@license@"

  depends_on :linux
  depends_on arch: :x86_64
  depends_on "python@3.13"

  resource "share" do
    url "@base@/togetherctl-@version@-completions-and-man-pages.tar.gz"
    sha256 "@sha256:share@"
  end

  def install
    libexec.install Dir["*.pyz"].first => "togetherctl.pyz"
    chmod 0755, libexec/"togetherctl.pyz"
    # The file looks for its Python on PATH.
    (bin/"togetherctl").write_env_script libexec/"togetherctl.pyz", PATH: "#{Formula["python@3.13"].opt_bin}:$PATH"
    resource("share").stage do
      man1.install Dir["man/man1/*.1"]
      bash_completion.install "bash-completion/completions/togetherctl"
      zsh_completion.install "zsh/site-functions/_togetherctl"
      fish_completion.install "fish/vendor_completions.d/togetherctl.fish"
    end
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/togetherctl version")
  end
end
