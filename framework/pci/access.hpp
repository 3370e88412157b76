// libpci with an owner, and with its fatal errors turned into exceptions. Only .cpp files of framework/pci
// include it.
#pragma once

extern "C" {
#include <pci/pci.h>
}

#include <memory>
#include <string>

namespace landfall {

struct PciCleanup {
    void operator()(pci_access* access) const { pci_cleanup(access); }
};
using PciAccess = std::unique_ptr<pci_access, PciCleanup>;

/// Opens one access method with one of its parameters set, read-only, and scans the bus.
/// This and every later libpci call on the access throws LabError where libpci would end the process.
[[nodiscard]] PciAccess open_pci(pci_access_type method, std::string parameter, std::string value);

}  // namespace landfall
