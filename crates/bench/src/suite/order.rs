//! In which order the runs come.

use crate::random::Random;

/// Indices of `cells` cells: each once a round, in an order that is drawn anew each round.
pub(super) fn order(cells: usize, rounds: usize, seed: u64) -> Vec<usize> {
    let mut random = Random::new(seed);
    let mut order = Vec::with_capacity(cells * rounds);
    for _ in 0..rounds {
        let mut round: Vec<usize> = (0..cells).collect();
        // Fisher and Yates: the last of what is left changes places with any of it.
        for last in (1..cells).rev() {
            let other = usize::try_from(random.up_to(last as u64)).unwrap_or(last);
            round.swap(last, other);
        }
        order.extend(round);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_order_and_another_another() {
        assert_eq!(order(20, 3, 7), order(20, 3, 7));
        assert_ne!(order(20, 3, 7), order(20, 3, 8));
    }

    #[test]
    fn each_round_has_all_cells_in_an_order_of_its_own() {
        let order = order(20, 3, 1);
        let rounds: Vec<&[usize]> = order.chunks(20).collect();
        for round in &rounds {
            let mut sorted = round.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..20).collect::<Vec<_>>());
        }
        assert!(rounds[0] != rounds[1] && rounds[1] != rounds[2], "{rounds:?}");
    }

    #[test]
    fn each_cell_comes_first_sometimes() {
        let firsts = |cell| order(4, 400, 3).chunks(4).filter(|round| round[0] == cell).count();
        assert!((0..4).all(|cell| (60..=140).contains(&firsts(cell))), "{:?}", (0..4).map(firsts).collect::<Vec<_>>());
    }
}
