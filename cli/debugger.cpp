#include "debugger.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "command.h"

namespace millrace::cli {

namespace {

namespace fs = std::filesystem;

constexpr char kIndex[] = "index.html";

// bin/millrace has it in share/millrace/ui.
fs::path folder_beside_program() {
  std::error_code failure;
  const fs::path program = fs::read_symlink("/proc/self/exe", failure);
  return failure ? fs::path("/usr/share/millrace/ui") : program.parent_path().parent_path() / "share/millrace/ui";
}

std::string content_type(std::string_view name) {
  constexpr std::pair<std::string_view, const char*> kTypes[] = {{".html", "text/html; charset=utf-8"},
                                                                 {".js", "text/javascript; charset=utf-8"},
                                                                 {".css", "text/css; charset=utf-8"},
                                                                 {".woff2", "font/woff2"},
                                                                 {".svg", "image/svg+xml"},
                                                                 {".wasm", "application/wasm"}};
  for (const auto& [ending, type] : kTypes) {
    if (name.ends_with(ending)) return type;
  }
  return "text/plain; charset=utf-8";
}

}  // namespace

DebuggerPage::DebuggerPage(const std::string& folder) {
  const fs::path place = folder.empty() ? folder_beside_program() : fs::path(folder);
  const auto fail = [&](const std::string& problem) { throw UsageError("--ui: " + problem); };
  std::error_code failure;
  if (!fs::is_regular_file(place / kIndex, failure)) {
    fail("there is no page in \"" + place.string() +
         "\"; in a clone of the source `./run build` makes it, in web-demo/ui/dist: name its folder with --ui-files");
  }
  std::size_t bytes = 0;
  for (fs::directory_iterator file(place, failure), end; !failure && file != end; file.increment(failure)) {
    if (!file->is_regular_file(failure)) continue;
    bytes += file->file_size(failure);
    if (files_.size() == kMaxDebuggerFiles || bytes > kMaxDebuggerBytes) {
      fail("\"" + place.string() + "\" is not the page: it has more than " + std::to_string(kMaxDebuggerFiles) +
           " files or " + std::to_string(kMaxDebuggerBytes) + " bytes");
    }
    std::ifstream content(file->path(), std::ios::binary);
    files_.emplace(file->path().filename().string(),
                   std::string(std::istreambuf_iterator<char>(content), std::istreambuf_iterator<char>()));
    if (!content) fail("cannot read \"" + file->path().string() + "\"");
  }
  if (failure) fail("cannot read \"" + place.string() + "\": " + failure.message());
}

void DebuggerPage::add_to(Server& server) const {
  server.guarded({.method = "GET",
                  .path = "/ui",
                  .right = GuardedRoute::no_right,
                  .handler = [](const httplib::Request&, httplib::Response& response) {
                    response.set_redirect("ui/", 308);  // relative: a proxy may have put a path before it
                  }});
  server.guarded(
      {.method = "GET",
       .path = "/ui/([^/]*)",
       .right = GuardedRoute::no_right,
       .handler = [this](const httplib::Request& request, httplib::Response& response) { answer(request, response); }});
}

void DebuggerPage::answer(const httplib::Request& request, httplib::Response& response) const {
  const std::string name = request.matches[1].length() == 0 ? kIndex : request.matches[1].str();
  const auto file = files_.find(name);
  if (file == files_.end()) {
    response.status = 404;
    return response.set_content("not a file of the page\n", "text/plain");
  }
  // It may load and reach nothing but this server, and no page may frame it.
  response.set_header(
      "Content-Security-Policy",
      "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; font-src 'self'; "
      "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  response.set_header("X-Content-Type-Options", "nosniff");
  response.set_header("Referrer-Policy", "no-referrer");
  response.set_header("Cache-Control", "no-cache");
  response.set_content(file->second, content_type(name));
}

}  // namespace millrace::cli
