#include "route_table.h"

#include <regex>

namespace millrace {

namespace {

template <typename Handler>
bool any_takes(const HttplibRoutes<Handler>& routes, const std::string& path) {
  try {
    return routes.find_first(path) != nullptr;
  } catch (const std::regex_error&) {
    return true;  // the path is too complex for an expression of the program's: cpp-httplib will fail in the same way
  }
}

}  // namespace

RouteTable::Reads RouteTable::find(const std::string& method, const std::string& path) const {
  const auto whole = [&](const auto& routes) { return any_takes(routes, path) ? Reads::kWhole : Reads::kNothing; };
  const auto either = [&](const auto& pieces, const auto& routes) {
    return any_takes(pieces, path) ? Reads::kPieces : whole(routes);
  };
  if (method == "GET" || method == "HEAD") return whole(insides_.get);
  if (method == "POST") return either(insides_.post_pieces, insides_.post);
  if (method == "PUT") return either(insides_.put_pieces, insides_.put);
  if (method == "PATCH") return either(insides_.patch_pieces, insides_.patch);
  if (method == "DELETE") return either(insides_.erase_pieces, insides_.erase);
  if (method == "OPTIONS") return whole(insides_.options);
  return Reads::kNothing;
}

std::string RouteTable::allowed(const std::string& path) const {
  std::string methods;
  for (const char* const method : {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}) {
    if (find(method, path) == Reads::kNothing) continue;
    methods.append(methods.empty() ? "" : ", ").append(method);
  }
  return methods;
}

}  // namespace millrace
