//! Tests of the whole generator: against NumPy, across regions, and of what `verify` finds.

use super::*;
use proptest::prelude::*;

fn data(kind: DataKind, seed: u64, stamp_ranks: Option<usize>) -> Data {
    Data { kind, seed, stamp_ranks }
}

/// A region's values in an aligned buffer; the bytes are its first `elements * size`.
fn filled(data: &Data, shape: &[u64], dtype: Dtype, region: &Region) -> Vec<u64> {
    let bytes = region.elements() as usize * dtype.size();
    let mut buffer = vec![0u64; bytes.div_ceil(8)];
    data.fill(shape, dtype, region, &mut bytemuck::cast_slice_mut(&mut buffer)[..bytes]);
    buffer
}

/// The first elements of a 1-D dataset, as numbers.
fn first_values(data: &Data, n: u64, dtype: Dtype) -> Vec<f64> {
    let buffer = filled(data, &[n], dtype, &Region::whole(&[n]));
    let numbers = |bytes: &[u8]| -> Vec<f64> {
        with_type!(dtype, T => bytemuck::cast_slice::<u8, T>(bytes).iter().map(|v| v.to_f64()).collect())
    };
    numbers(&bytemuck::cast_slice(&buffer)[..n as usize * dtype.size()])
}

/// Made with the snippet in the module's documentation; seed 2024.
#[test]
fn uniform_values_are_numpys() {
    #[rustfmt::skip]
    let cases: [(Dtype, [f64; 11]); 10] = [
        (Dtype::U8, [73., 214., 39., 71., 94., 20., 3., 193., 234., 113., 68.]),
        (Dtype::U16, [54857., 18215., 5214., 49411., 29162., 15172., 52803., 42837., 50121., 57698., 24970.]),
        (Dtype::I16, [-10679., 18215., 5214., -16125., 29162., 15172., -12733., -22699., -15415., -7838., 24970.]),
        (Dtype::U32, [1193793097., 3238204510., 994341354., 2807418435., 3781346249., 3567018378., 2057052901.,
            3556833425., 1698984533., 2216201439., 136613690.]),
        (Dtype::I32, [1193793097., -1056762786., 994341354., -1487548861., -513621047., -727948918., 2057052901.,
            -738133871., 1698984533., -2078765857., 136613690.]),
        (Dtype::U64, [13907982469403498496., 12057770365506842624., 15320227281522311168., 15276483239751720960., 9518512703552122880., 13835647007104208896., 8430987339106425856., 6349488567743416320., 2453948141909497344., 11009402425539856384., 6068249325317238784.]),
        (Dtype::I64, [-4538761604306053632., -6388973708202708992., -3126516792187239424., -3170260833957830144., -8928231370157427712., -4611097066605342720., 8430987339106425856., 6349488567743416320., 2453948141909497344., -7437341648169695232., 6068249325317238784.]),
        (Dtype::I8, [73., -42., 39., 71., 94., 20., 3., -63., -22., 113., 68.]),
        (Dtype::F32, [0.27795159816741943, 0.753953218460083, 0.23151308298110962, 0.6536530256271362,
            0.8804132342338562, 0.8305111527442932, 0.47894489765167236, 0.8281397819519043, 0.3955756425857544,
            0.5159995555877686, 0.03180783987045288]),
        (Dtype::F64, [0.7539532404108791, 0.6536530412806927, 0.8305111850799092, 0.8281398158238606,
            0.5159996076011042, 0.7500319271422474, 0.4570447394628484, 0.3442064649659643, 0.13302879533125211,
            0.5968209013768747, 0.32896045508463234]),
    ];
    for (dtype, wanted) in cases {
        let values = first_values(&data(DataKind::Uniform, 2024, None), 11, dtype);
        assert_eq!(values, wanted, "{dtype}");
    }
}

#[test]
fn a_ramp_is_the_index_wrapped() {
    let ramp = data(DataKind::Ramp, 9, None);
    for (dtype, wanted) in [(Dtype::U8, 44.), (Dtype::U16, 300.), (Dtype::I16, 300.), (Dtype::F32, 300.)] {
        assert_eq!(first_values(&ramp, 301, dtype)[300], wanted, "{dtype}");
    }
    assert_eq!(first_values(&ramp, 40_001, Dtype::I16)[40_000], -25_536.);
}

#[test]
fn a_stamp_tells_the_owner_of_the_row() {
    let cases: [(&[u64], u64, f64); 4] = [(&[10], 9, 3.), (&[10, 4], 8, 1.), (&[10, 2, 2], 39, 3.), (&[2, 5], 4, 2.)];
    for (shape, place, rank_and_one) in cases {
        for dtype in [Dtype::F32, Dtype::F64, Dtype::I32, Dtype::U32] {
            let value = |stamp| {
                let buffer = filled(&data(DataKind::Ramp, 0, stamp), shape, dtype, &Region::whole(shape));
                with_type!(dtype, T => bytemuck::cast_slice::<u64, T>(&buffer)[place as usize].to_f64())
            };
            assert_eq!(value(Some(3)) - value(None), 1000. * rank_and_one, "{shape:?} {dtype}");
        }
    }
    let wrapped = first_values(&data(DataKind::Ramp, 0, Some(1)), 1, Dtype::U8);
    assert_eq!(wrapped, [232.], "1000 modulo 256");
}

/// A shape of 1 to 4 axes, some of them of several pieces, and a region in it.
fn shape_and_region() -> impl Strategy<Value = (Vec<u64>, Region)> {
    let shape = prop_oneof![
        prop::collection::vec(1u64..3 * PIECE as u64, 1),
        prop::collection::vec(1u64..80, 2),
        prop::collection::vec(1u64..20, 3),
        prop::collection::vec(1u64..9, 4),
        (1u64..4, 1u64..3 * PIECE as u64).prop_map(|(y, x)| vec![y, x]),
    ];
    shape.prop_flat_map(|shape| {
        let part = |n: u64| prop_oneof![(0..n).prop_flat_map(move |s| (Just(s), 0..=n - s)), Just((0, n))];
        let axes: Vec<_> = shape.iter().map(|&n| part(n)).collect();
        (Just(shape), axes).prop_map(|(shape, axes)| {
            let (start, count) = axes.into_iter().unzip();
            (shape, Region::new(start, count))
        })
    })
}

proptest! {
    #[test]
    fn a_region_is_the_matching_part_of_the_whole(
        (shape, region) in shape_and_region(),
        kind in prop::sample::select(&DataKind::ALL),
        dtype in prop::sample::select(&Dtype::ALL),
        seed in any::<u64>(),
        stamp in prop::option::of(1usize..8),
    ) {
        let data = data(kind, seed, stamp);
        let whole = filled(&data, &shape, dtype, &Region::whole(&shape));
        let whole: &[u8] = bytemuck::cast_slice(&whole);
        let part = filled(&data, &shape, dtype, &region);
        let mut rest: &[u8] = &bytemuck::cast_slice(&part)[..region.elements() as usize * dtype.size()];
        for (first, length) in region.runs(&shape) {
            let (run, after) = rest.split_at(length as usize * dtype.size());
            prop_assert_eq!(run, &whole[first as usize * dtype.size()..][..run.len()]);
            rest = after;
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn verify_finds_the_first_wrong_element_and_counts_all(
        (shape, region) in shape_and_region(),
        kind in prop::sample::select(&DataKind::ALL),
        dtype in prop::sample::select(&Dtype::ALL),
        stamp in prop::option::of(1usize..8),
        wrong in prop::collection::vec(any::<prop::sample::Index>(), 1..5),
    ) {
        let data = data(kind, 3, stamp);
        let mut buffer = filled(&data, &shape, dtype, &region);
        let found = &mut bytemuck::cast_slice_mut(&mut buffer)[..region.elements() as usize * dtype.size()];
        prop_assert_eq!(data.verify(&shape, dtype, &region, found), Ok(()));
        prop_assume!(!region.is_empty());
        let places: std::collections::BTreeSet<usize> =
            wrong.iter().map(|w| w.index(region.elements() as usize)).collect();
        for place in &places {
            found[place * dtype.size()] ^= 1;
        }
        let mismatch = data.verify(&shape, dtype, &region, found).unwrap_err();
        prop_assert_eq!(mismatch.count, places.len() as u64);
        let first = *places.first().unwrap() as u64;
        let in_region = unravel(first, &region.count);
        let index: Vec<u64> = in_region.iter().zip(&region.start).map(|(i, s)| i + s).collect();
        let expected = filled(&data, &shape, dtype, &region);
        let expected = &bytemuck::cast_slice::<u64, u8>(&expected)[..found.len()];
        prop_assert_eq!(compare(&shape, dtype, &region, expected, found), Err(mismatch.clone()));
        prop_assert_eq!(mismatch.index, index);
        // Integers beyond 2^53 are told as the nearest f64: the last bit may not show.
        let rounded = matches!(dtype, Dtype::U64 | Dtype::I64);
        prop_assert!(rounded || mismatch.expected != mismatch.found);
    }
}

#[test]
fn a_nan_and_a_negative_zero_are_found() {
    let ramp = data(DataKind::Ramp, 0, None);
    for wrong in [f64::NAN, -0.0] {
        let found = [wrong, 1.0];
        let mismatch = ramp.verify(&[2], Dtype::F64, &Region::whole(&[2]), bytemuck::cast_slice(&found)).unwrap_err();
        assert_eq!((mismatch.index, mismatch.expected, mismatch.count), (vec![0], 0.0, 1));
        assert_eq!(mismatch.found.to_bits(), wrong.to_bits());
    }
}

#[test]
fn a_scalar_and_an_empty_region_have_values() {
    for kind in DataKind::ALL {
        let data = data(kind, 1, Some(2));
        filled(&data, &[], Dtype::F32, &Region::whole(&[]));
        filled(&data, &[3, 4], Dtype::F32, &Region::empty(2));
        filled(&data, &[0, 4], Dtype::F32, &Region::whole(&[0, 4]));
    }
}

#[test]
fn far_elements_have_values_too() {
    let shape = [1 << 30, 1 << 29];
    let corner = Region::new(vec![(1 << 30) - 1, (1 << 29) - 3], vec![1, 3]);
    for kind in DataKind::ALL {
        let data = data(kind, 1, Some(64));
        let buffer = filled(&data, &shape, Dtype::F64, &corner);
        assert_eq!(data.verify(&shape, Dtype::F64, &corner, bytemuck::cast_slice(&buffer)), Ok(()));
    }
}

#[test]
fn nothing_is_made_anywhere() {
    let bytes = [0u8; 9];
    let data = Data { kind: DataKind::Ramp, seed: 1, stamp_ranks: None };
    for offset in 0..8 {
        let (nothing, mut copy) = (&bytes[offset..offset], bytes);
        data.fill(&[4], Dtype::F64, &Region::empty(1), &mut copy[offset..offset]);
        assert_eq!(data.verify(&[4], Dtype::F64, &Region::empty(1), nothing), Ok(()));
    }
}
