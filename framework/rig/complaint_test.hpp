// What a test asks that wants to see an error's words.
#pragma once

#include <string>

namespace landfall {

/// What the error says that `act` ends with; "none" if it ends well.
template <class Error, class Act>
std::string complaint(Act act) {
    try {
        act();
    } catch (const Error& e) {
        return e.what();
    }
    return "none";
}

}  // namespace landfall
