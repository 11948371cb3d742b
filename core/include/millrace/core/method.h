// Request methods: whether a request may be sent again without being asked for. [RFC 9110 9.2.2]
#pragma once

#include <string_view>

namespace millrace {

/// Whether several requests of this method have the effect of one: GET, HEAD, OPTIONS, TRACE, PUT and DELETE. Methods
/// are compared as they are, case and all; one that is not known here is not idempotent.
bool is_idempotent(std::string_view method);

}  // namespace millrace
