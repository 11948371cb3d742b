class Millrace < Formula
  desc "Server-Sent Events: server and hub, client, and libraries for C++"
  homepage "https://millrace.example"
  url "https://millrace.example/releases/v0.1.0/millrace-0.1.0.tar.gz"
  sha256 "0" * 64 # of the release's archive
  license "MIT"

  depends_on "cli11" => :build
  depends_on "cmake" => :build
  depends_on "nlohmann-json" => :build
  depends_on "pkgconf" => [:build, :test]
  depends_on "brotli"
  depends_on "c-ares"
  depends_on "cjose"
  depends_on "cnats"
  depends_on "cpp-httplib"
  depends_on "curl"
  depends_on "hiredis"
  depends_on "libnghttp2"
  depends_on "libpq"
  depends_on :linux # the event loops are epoll's
  depends_on "openssl@3"
  depends_on "prometheus-cpp"
  depends_on "spdlog"
  depends_on "sqlite"
  depends_on "tomlplusplus"
  depends_on "zlib"

  def install
    args = %w[
      -DMILLRACE_WITH_CLIENT=ON
      -DMILLRACE_WITH_SERVER=ON
      -DMILLRACE_WITH_JWT=ON
      -DMILLRACE_WITH_METRICS=ON
      -DMILLRACE_WITH_SQLITE=ON
      -DMILLRACE_WITH_NATS=ON
      -DMILLRACE_WITH_POSTGRES=ON
      -DMILLRACE_WITH_REDIS=ON
      -DMILLRACE_WITH_PROGRAM=ON
      -DMILLRACE_WITH_LIBURING=OFF
      -DMILLRACE_WITH_PROFILER=OFF
    ]
    system "cmake", "-S", ".", "-B", "build", *args, *std_cmake_args
    system "cmake", "--build", "build"
    system "cmake", "--install", "build"
    pkgshare.install "tests/install/consumer/main.cpp"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/millrace --version")
    flags = shell_output("pkgconf --cflags --libs millrace-server millrace-client").split
    system ENV.cxx, "-std=c++20", pkgshare/"main.cpp", "-o", "consumer", *flags
    assert_match "received: hello", shell_output("./consumer")
  end
end
