// Request methods: whether a client may repeat a request automatically. [RFC 9110 9.2.2]
#pragma once

#include <string_view>

namespace millrace {

/// Whether several requests of this method have the effect of one: GET, HEAD, OPTIONS, TRACE, PUT and DELETE. The
/// comparison is case-sensitive. An unknown method is not idempotent.
bool is_idempotent(std::string_view method);

}  // namespace millrace
