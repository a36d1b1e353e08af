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

/// Made with `python threefry.py 2024`.
#[test]
fn uniform_values_are_those_of_numpys_arithmetic() {
    #[rustfmt::skip]
    let cases: [(Dtype, [f64; 11]); 10] = [
        (Dtype::U8, [239., 36., 156., 91., 119., 138., 136., 187., 142., 57., 233.]),
        (Dtype::U16, [9455., 23452., 35447., 48008., 14734., 3305., 52988., 3793., 57536., 60148., 50245.]),
        (Dtype::I16, [9455., 23452., -30089., -17528., 14734., 3305., -12548., 3793., -8000., -5388., -15291.]),
        (Dtype::U32, [1536959727., 3146287735., 216611214., 248631036., 3941916864., 1147061317., 2746860590., 3128637797., 633284377., 3069698885., 3303544634.]),
        (Dtype::I32, [1536959727., -1148679561., 216611214., 248631036., -353050432., 1147061317., -1548106706., -1166329499., 633284377., -1225268411., -991422662.]),
        (Dtype::U64, [13513202927167874287., 1067862168607209870., 4926590846963605696., 13437397021891347502., 13184256320275949337., 12485737221475276602., 14640347691630223646., 11628158407692547022., 7233408360269314672., 14404978354720501394., 5308479746079335257.]),
        (Dtype::I64, [-4933541146541677329., 1067862168607209870., 4926590846963605696., -5009347051818204114., -5262487753433602279., -5961006852234275014., -3806396382079327970., -6818585666017004594., 7233408360269314672., -4041765718989050222., 5308479746079335257.]),
        (Dtype::I8, [-17., 36., -100., 91., 119., -118., -120., -69., -114., 57., -23.]),
        (Dtype::F32, [0.3578512668609619, 0.732552170753479, 0.0504336953163147, 0.05788886547088623, 0.9177989959716797, 0.267071008682251, 0.6395533084869385, 0.7284427285194397, 0.14744800329208374, 0.7147199511528015, 0.7691664099693298]),
        (Dtype::F64, [0.7325521985436443, 0.05788892415595093, 0.2670710249612571, 0.7284427521842423, 0.7147199672524462, 0.6768531710303309, 0.7936548386604314, 0.6303637303812921, 0.39212385293394003, 0.7808954413397317, 0.28777326366472566]),
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
