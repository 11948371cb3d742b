// The name under which a request's headers hold the subject of the client's certificate; no header can have it on the
// wire.
#pragma once

namespace millrace {

inline constexpr const char* kClientSubjectField = ":client-subject";

}  // namespace millrace
