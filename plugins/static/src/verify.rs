//! CHECK: whether the result of ADD has what the configuration names.

use cni::AddResult;

use crate::address::Address;
use crate::error::Error;

/// Compares each address with the result; addresses there that are not named here belong to other
/// plugins.
pub(crate) fn result_has(result: &AddResult, addresses: &[Address]) -> Result<(), Error> {
    for address in addresses.iter().copied() {
        let same = result
            .ips
            .iter()
            .filter(|ip| ip.address.ip() == address.cidr.ip());
        let exact = same
            .clone()
            .find(|ip| ip.address.prefix() == address.cidr.prefix());
        let Some(found) = exact else {
            let other = same.map(|ip| ip.address.prefix()).next();
            return Err(match other {
                Some(found) => Error::OtherPrefix { address, found },
                None => Error::NotInResult { address },
            });
        };
        match address.gateway {
            Some(expected) if found.gateway != Some(expected) => {
                return Err(Error::OtherGateway {
                    address,
                    expected,
                    found: found.gateway,
                });
            }
            Some(_) | None => {}
        }
    }
    Ok(())
}
