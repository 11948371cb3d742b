// Reads origins and host names, as browsers send them. Pure.
#pragma once

#include <string>
#include <string_view>

namespace millrace {

/// Whether the text is a serialized origin, `scheme://host[:port]`, as it stands in an Origin header. [RFC 6454 6.2]
bool is_origin(std::string_view text);

/// The host of a Host header: lower case, without the port. An IPv6 address keeps its brackets.
std::string host_name(std::string_view host_header);

/// Whether a host name can only mean this machine: `localhost`, 127.0.0.0/8 or `[::1]`.
bool is_loopback_name(std::string_view name);

/// Whether a page of `origin` came from the server that `host_header` names. The scheme is not compared: behind a proxy
/// that ends TLS the server does not know its own.
bool is_same_origin(std::string_view origin, std::string_view host_header);

}  // namespace millrace
