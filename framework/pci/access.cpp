#include "access.hpp"

#include <array>
#include <cstdarg>
#include <cstdio>

#include "landfall/error.hpp"

namespace landfall {
namespace {

// libpci's contract is that this never returns; its default exits. Debian builds libpci with unwind tables,
// so the exception passes through its frames. What those frames had open (one FILE or DIR at most) is lost.
[[gnu::noreturn]] void fail(char* format, ...) {
    std::array<char, 512> text{};
    va_list arguments;
    va_start(arguments, format);
    (void)std::vsnprintf(text.data(), text.size(), format, arguments);
    va_end(arguments);
    throw LabError(std::string("libpci: ") + text.data());
}

// Warnings say that a config space cannot be read (in full). Function::visible carries that already.
void ignore(char* /*format*/, ...) {}

}  // namespace

PciAccess open_pci(pci_access_type method, std::string parameter, std::string value) {
    PciAccess access(pci_alloc());
    access->method = method;
    access->error = fail;
    access->warning = ignore;
    if (pci_set_param(access.get(), parameter.data(), value.data()) != 0)
        throw LabError("libpci has no parameter " + parameter);
    pci_init(access.get());
    pci_scan_bus(access.get());
    return access;
}

}  // namespace landfall
