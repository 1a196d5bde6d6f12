package io.vas.core.memory;

import io.vas.core.image.VmaImage;
import java.util.List;

/** Mappings of an address space, as an image lists them: by address, and apart from each other. */
public final class Vmas {
  private Vmas() {}

  /**
   * The mapping at an address.
   *
   * @param vmas all of them, by address.
   * @param address unsigned.
   * @return the one that it lies in, or null if there is none.
   */
  public static VmaImage at(final List<VmaImage> vmas, final long address) {
    int low = 0;
    int high = vmas.size() - 1;
    while (low <= high) {
      final int middle = (low + high) >>> 1;
      final VmaImage vma = vmas.get(middle);
      if (Long.compareUnsigned(address, vma.getStart()) < 0) {
        high = middle - 1;
      } else if (Long.compareUnsigned(address, vma.getEnd()) >= 0) {
        low = middle + 1;
      } else {
        return vma;
      }
    }
    return null;
  }
}
